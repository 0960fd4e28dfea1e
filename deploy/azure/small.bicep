// The small variant, without Kubernetes: new media start a container that paints them and ends.
targetScope = 'resourceGroup'

@description('Begins the names of all resources: small letters and digits.')
@minLength(3)
@maxLength(8)
param name string = 'impasto'

param location string = resourceGroup().location

@description('Image of Impasto, in a registry that needs no log-in.')
param image string

@description('Id of the person or group who drops media and fetches results, of type operatorType; empty: nobody.')
param operatorId string = ''

@description('What operatorId is.')
@allowed([
  'Group'
  'User'
])
param operatorType string = 'User'

@description('Addresses from which the stores are reached, such as 203.0.113.7; none: only from the container.')
param dataRanges array = []

@description('Score on a serverless GPU, where the region has one and your quota allows it.')
param gpu bool = false

@description('For how long one execution may run, in seconds; the next one goes on where it stopped.')
@minValue(600)
param maxSeconds int = 86400

@description('Days after which what lies in the inbox is deleted.')
param inboxDays int = 180

@description('What a month may cost before mail is sent, in the currency of the subscription.')
param budget int = 50

@description('Who gets that mail; empty: no budget.')
param budgetEmails array = []

@description('First day of the budget: give that of the first deployment again, since it cannot change.')
param budgetBegins string = utcNow('yyyy-MM-01')

var unique = take(uniqueString(resourceGroup().id), 10)
var reader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
var contributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
var operators = empty(operatorId) ? [] : [
  {
    id: operatorId
    type: operatorType
  }
]
var queueUrl = 'https://${data.outputs.accountName}.queue.${environment().suffixes.storage}/arrivals'
var profile = gpu ? 'gpu' : 'Consumption'
var profiles = gpu ? [
  {
    name: 'Consumption'
    workloadProfileType: 'Consumption'
  }
  {
    name: 'gpu'
    workloadProfileType: 'Consumption-GPU-NC8as-T4'
  }
] : [
  {
    name: 'Consumption'
    workloadProfileType: 'Consumption'
  }
]
var withData = replace(loadTextContent('impasto.toml'), 'DATA_ACCOUNT', data.outputs.accountName)
var settings = replace(withData, 'CONTROL_ACCOUNT', control.outputs.accountName)

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: '${name}-net'
  location: location
  properties: {
    addressSpace: {
      addressPrefixes: [
        '10.30.0.0/24'
      ]
    }
    subnets: [
      {
        name: 'containers'
        properties: {
          addressPrefix: '10.30.0.0/26'
          // Costs nothing, and lets the stores tell this network from all others.
          serviceEndpoints: [
            {
              service: 'Microsoft.Storage'
            }
          ]
          delegations: [
            {
              name: 'containers'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
    ]
  }
}

resource runner 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-runner'
  location: location
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    name: name
    location: location
  }
}

module data 'modules/storage.bicep' = {
  name: 'data'
  params: {
    name: '${name}data${unique}'
    location: location
    containers: [
      'inbox'
      'media'
    ]
    queues: [
      'arrivals'
    ]
    ranges: dataRanges
    subnetIds: [
      network.properties.subnets[0].id
    ]
    fadingPrefixes: [
      'inbox/'
    ]
    fadingDays: inboxDays
    signers: operators
  }
}

module control 'modules/storage.bicep' = {
  name: 'control'
  params: {
    name: '${name}ctrl${unique}'
    location: location
    containers: [
      'control'
    ]
    subnetIds: [
      network.properties.subnets[0].id
    ]
  }
}

module runnerInbox 'modules/role.bicep' = {
  name: 'inbox-runner'
  params: {
    accountName: data.outputs.accountName
    containerName: 'inbox'
    principalId: runner.properties.principalId
    roleId: reader
  }
}

module runnerMedia 'modules/role.bicep' = {
  name: 'media-runner'
  params: {
    accountName: data.outputs.accountName
    containerName: 'media'
    principalId: runner.properties.principalId
    roleId: contributor
  }
}

module runnerControl 'modules/role.bicep' = {
  name: 'control-runner'
  params: {
    accountName: control.outputs.accountName
    containerName: 'control'
    principalId: runner.properties.principalId
    roleId: contributor
  }
}

module operatorMedia 'modules/role.bicep' = [for container in ['inbox', 'media']: if (!empty(operatorId)) {
  name: '${container}-operator'
  params: {
    accountName: data.outputs.accountName
    containerName: container
    principalId: operatorId
    principalType: operatorType
    roleId: contributor
  }
}]

module events 'modules/events.bicep' = {
  name: 'events'
  params: {
    name: name
    location: location
    accountName: data.outputs.accountName
    queueName: 'arrivals'
    inbox: 'inbox'
    readerPrincipalId: runner.properties.principalId
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: '${name}-insights'
}

resource surroundings 'Microsoft.App/managedEnvironments@2025-07-01' = {
  name: '${name}-containers'
  location: location
  properties: {
    appLogsConfiguration: {
      destination: 'azure-monitor'
    }
    vnetConfiguration: {
      infrastructureSubnetId: network.properties.subnets[0].id
      internal: true
    }
    workloadProfiles: profiles
  }
}

resource said 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: surroundings
  properties: {
    workspaceId: monitoring.outputs.logsId
    logs: [
      {
        category: 'ContainerAppConsoleLogs'
        enabled: true
      }
    ]
  }
}

resource painter 'Microsoft.App/jobs@2025-07-01' = {
  name: '${name}-painter'
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${runner.id}': {}
    }
  }
  properties: {
    environmentId: surroundings.id
    workloadProfileName: profile
    configuration: {
      triggerType: 'Event'
      replicaTimeout: maxSeconds
      replicaRetryLimit: 0
      secrets: [
        {
          name: 'settings'
          value: settings
        }
      ]
      eventTriggerConfig: {
        parallelism: 1
        replicaCompletionCount: 1
        scale: {
          minExecutions: 0
          // One execution takes all that waits; a second one would find nothing.
          maxExecutions: 1
          pollingInterval: 30
          rules: [
            {
              name: 'arrivals'
              type: 'azure-queue'
              identity: runner.id
              metadata: {
                accountName: data.outputs.accountName
                queueName: 'arrivals'
                // As many messages as there may be are one execution.
                queueLength: '1000000'
                activationQueueLength: '0'
              }
            }
          ]
        }
      }
    }
    template: {
      containers: [
        {
          name: 'impasto'
          image: image
          command: [
            'python'
            '-c'
            loadTextContent('once.py')
          ]
          env: [
            {
              name: 'IMPASTO_CONFIG'
              value: '/etc/impasto/impasto.toml'
            }
            {
              name: 'ARRIVALS_QUEUE'
              value: queueUrl
            }
            {
              name: 'ARRIVALS_SECONDS'
              value: string(maxSeconds)
            }
            {
              name: 'AZURE_CLIENT_ID'
              value: runner.properties.clientId
            }
            {
              name: 'IMPASTO_TELEMETRY'
              value: 'azure-monitor'
            }
            {
              name: 'APPLICATIONINSIGHTS_CONNECTION_STRING'
              value: insights.properties.ConnectionString
            }
          ]
          resources: {
            cpu: gpu ? 8 : 4
            memory: gpu ? '56Gi' : '8Gi'
          }
          volumeMounts: [
            {
              volumeName: 'settings'
              mountPath: '/etc/impasto'
            }
          ]
        }
      ]
      volumes: [
        {
          name: 'settings'
          storageType: 'Secret'
          secrets: [
            {
              secretRef: 'settings'
              path: 'impasto.toml'
            }
          ]
        }
      ]
    }
  }
  dependsOn: [
    monitoring
    events
    runnerInbox
    runnerMedia
    runnerControl
  ]
}

module money 'modules/budget.bicep' = if (!empty(budgetEmails)) {
  name: 'budget'
  params: {
    name: name
    amount: budget
    emails: budgetEmails
    begins: budgetBegins
  }
}

output jobName string = painter.name
output dataAccount string = data.outputs.accountName
output logsName string = monitoring.outputs.logsName
