// What an identity may do in one container, or below some of its folders.
param accountName string
param containerName string
param principalId string

@description('Kind of the one who may: ServicePrincipal, for identities, Group or User.')
@allowed([
  'Group'
  'ServicePrincipal'
  'User'
])
param principalType string = 'ServicePrincipal'

@description('Id of the role.')
param roleId string

@description('What may be written is below this folder, such as impasto/jobs/; empty: everywhere.')
param writableFolder string = ''

var blob = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'
var writing = [for action in ['write', 'add/action', 'delete', 'move/action']: '!(ActionMatches{\'${blob}/${action}\'})']
var condition = '((${join(writing, ' AND ')}) OR (@Resource[${blob}:path] StringLike \'${writableFolder}*\'))'

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' existing = {
  parent: account
  name: 'default'
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = {
  parent: blobs
  name: containerName
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(container.id, principalId, roleId)
  scope: container
  properties: {
    principalId: principalId
    principalType: principalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
    condition: empty(writableFolder) ? null : condition
    conditionVersion: empty(writableFolder) ? null : '2.0'
  }
}
